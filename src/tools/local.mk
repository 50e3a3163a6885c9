# targets of src/tools
