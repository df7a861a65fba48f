"""Tests of the course, folder by folder as the packages lie; `adversaries` is read by scripts too."""
