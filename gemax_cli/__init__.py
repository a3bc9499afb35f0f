"""Raw 3D face scans to multi-tau GEMax maps.

Public API. Names are imported lazily, so ``import gemax_cli`` stays fast; ``__init__.pyi`` lists them.

    import gemax_cli as gemax
    gemax.convert("raw/", "out/", gemax.Settings(taus=(20, 30, 40)))
    gemax.OutputFolder("out").map("BU-3DFE/F0001/F0001_AN01WH", tau=20)
"""

import sys

if sys.argv[:1] == ["-m"] and sys.path[0] and not __file__.startswith(sys.path[0]):
    del sys.path[0]  # of python -m gemax_cli: the working folder, where a data set may hold a joblib.py

import lazy_loader

__version__ = "0.2.0"
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
