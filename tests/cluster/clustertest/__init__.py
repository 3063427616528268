# SPDX-License-Identifier: ISC
"""The harness of the cluster tests."""
