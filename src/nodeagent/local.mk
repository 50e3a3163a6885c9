# targets of src/nodeagent
