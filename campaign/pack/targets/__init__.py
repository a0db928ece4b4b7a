"""Turns artworks into what one service, program or page takes: a target a file.

Each has `build(artworks, about) -> Built`, `STEPS`, how a person brings the files there, and
`LARGEST_PX`, the size that it wants its artworks at.
"""
