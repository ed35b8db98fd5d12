"""Numbers measured on traces: what views draw and folders average."""
