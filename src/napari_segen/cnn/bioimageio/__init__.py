"""Networks as BioImage.IO packages: ours for other software, others for us."""
