"""Where data lies: local disks and object stores, what they refuse, and who may write."""
