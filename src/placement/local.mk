# targets of src/placement
