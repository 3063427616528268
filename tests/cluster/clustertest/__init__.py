# SPDX-License-Identifier: ISC
"""What the tests of the cluster share."""
