# targets of src/lib
