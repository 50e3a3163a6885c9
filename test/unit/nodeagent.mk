# tests of src/nodeagent
