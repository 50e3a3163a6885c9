# tests of src/placement
