"""HDR images other than faces: thermal, SAR, medical, depth. One image, or a set of them, to 8-bit GEMax maps and back.

``settings`` says what is asked for, ``read`` opens files of any size block by block, ``levels`` turns values into the
solver's levels, ``mapping`` solves and applies, ``run`` maps many images into an output folder.
"""
