# tests of src/pmix
