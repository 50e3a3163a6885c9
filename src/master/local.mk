# targets of src/master
