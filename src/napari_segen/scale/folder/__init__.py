"""One model applied to many images: results, table, contact sheets."""
