# targets of src/pmix
