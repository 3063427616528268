# SPDX-License-Identifier: ISC
"""The harness of the system tests: the daemon, its peers, and what is measured of it."""
