sbin_PROGRAMS += bpnode
bpnode_SOURCES = \
	src/nodeagent/agent.h \
	src/nodeagent/data.c \
	src/nodeagent/join.c \
	src/nodeagent/lease.c \
	src/nodeagent/main.c \
	src/nodeagent/ompi.c src/nodeagent/ompi.h \
	src/nodeagent/rank.c \
	src/nodeagent/shepherd.c \
	src/nodeagent/space.c \
	src/nodeagent/stdio.c \
	src/nodeagent/topology.c
bpnode_CPPFLAGS = $(BP_CPPFLAGS) $(PROTOBUF_C_CFLAGS) $(EVENT_CFLAGS) $(OPENSSL_CFLAGS)
bpnode_CFLAGS = $(BP_CFLAGS)
bpnode_LDADD = libplacement.la $(BP_PROTO_LIBS) $(BP_TLS_LIBS)
