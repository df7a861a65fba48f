"""One fine-tune in five tools: the same rows and the same recipe, each tool in an environment of its own.

    python -m shared.ecosystem trl            # or axolotl, llamafactory, unsloth, torchtune

What a tool needs to be told stands in `tools`, the recipe in `recipe`; `export` writes the rows, `config` the settings,
`run` starts the tool, and `collect` brings its result back as the course's artifacts.
"""
