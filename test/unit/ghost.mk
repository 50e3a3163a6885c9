# tests of src/ghost
