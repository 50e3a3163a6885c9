# tests of src/lib
