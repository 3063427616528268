# SPDX-License-Identifier: ISC
"""The harness of the boot tests: machines with a systemd of their own, and the package on them."""
