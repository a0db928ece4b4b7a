"""Turns artworks into what one service, program or page takes: a target a file.

Each has `build(artworks, about) -> Built`, `STEPS`, how a person brings the files there, and
`LARGEST_PX`, the size that it wants its artworks at. Where steps and limits come from, and which
of them no page confirms, is in docs/packs.md, Sources.
"""
