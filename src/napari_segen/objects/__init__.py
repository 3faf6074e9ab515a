"""From a posterior to objects: which pixels belong to the same one."""
