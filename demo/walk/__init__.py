# SPDX-License-Identifier: MIT
"""The parts of demo/run."""
