"""Data curation, one concern a module: rung 05's steps, each small enough to be read in the lesson.

    text            what counts as the same text: normal form, shingles
    schema          is the completion a ticket, and one that its message can have?
    exact, near     duplicates: by hash, and by MinHash with locality-sensitive hashing
    contamination   rows that hold long pieces of the test set
    labels          answers that a cross-validated classifier contradicts
    sanity          length, letters and repetition: is it language at all?
    diversity       few rows that cover many
    pipeline        runs steps over a `datasets.Dataset`, reports what each removed, remembers every row's fate
    truth           scores a pipeline against the flaws that the generator wrote down
    card            the data card
    streaming       the same steps over rows that do not fit into memory

Importing a module here imports no heavy library.
"""
