"""Tests in environments of other releases; what is in those is in the files beside this one."""
