# targets of src/ghost
