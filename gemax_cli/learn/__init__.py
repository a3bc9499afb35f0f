"""Recognition (sections 3.4, 4 and 5 of the paper): the Facial Attention network, its training, and scores of runs.

Implemented, not reproduced: the licensed databases are not here, and an accuracy of this room is one of the user's
own scans. The paper's network definition was not published. Where it says little, the docstrings give our reading and
its reason. The module and its loss are close to MA-CNN's channel grouping (Zheng, Fu, Mei, Luo, "Learning
Multi-Attention Convolutional Neural Network for Fine-Grained Image Recognition", ICCV 2017).

``model``, ``loss``, ``data`` and ``train`` import torch, an extra. ``settings``,
``result``, ``run`` and everything about scores do without it.
"""
