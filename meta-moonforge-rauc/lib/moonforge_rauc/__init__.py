# SPDX-License-Identifier: MIT
"""What the classes and recipes of this layer decide and make, without bitbake, so that it can be tested."""
