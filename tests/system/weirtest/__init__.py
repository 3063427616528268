# SPDX-License-Identifier: ISC
"""The harness of the system tests: it runs the daemon and its peers, and measures."""
