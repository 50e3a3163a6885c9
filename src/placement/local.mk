# targets of src/placement: the library is pure; only bptopo (and a test) links hwloc
noinst_LTLIBRARIES += libplacement.la
libplacement_la_SOURCES = \
	src/placement/choice.c \
	src/placement/count.c \
	src/placement/crowd.c \
	src/placement/deal.c \
	src/placement/device.c \
	src/placement/exact.c \
	src/placement/hardware.c src/placement/hardware.h \
	src/placement/hardware_text.c \
	src/placement/hardware_wire.c \
	src/placement/machine.c \
	src/placement/map.c src/placement/map_bytes.c \
	src/placement/mask.c \
	src/placement/number.c \
	src/placement/place.c src/placement/placement.h \
	src/placement/picture.h \
	src/placement/picture_board.c src/placement/picture_board.h \
	src/placement/picture_box.c src/placement/picture_box.h \
	src/placement/picture_chassis.c src/placement/picture_chassis.h \
	src/placement/picture_fold.c src/placement/picture_fold.h \
	src/placement/picture_line.c \
	src/placement/picture_svg.c \
	src/placement/picture_text.c \
	src/placement/picture_words.c \
	src/placement/picture_xml.c src/placement/picture_xml.h \
	src/placement/plan.h \
	src/placement/policy.c \
	src/placement/request.h \
	src/placement/seat.c \
	src/placement/seek.c \
	src/placement/units.c src/placement/units.h \
	src/placement/wire.c src/placement/wire.h \
	src/placement/words.c
libplacement_la_CPPFLAGS = $(BP_CPPFLAGS) $(PROTOBUF_C_CFLAGS)
libplacement_la_CFLAGS = $(BP_CFLAGS)

pkglibexec_PROGRAMS += bptopo
bptopo_SOURCES = src/placement/topo_main.c src/placement/topology.c src/placement/topology.h \
	src/placement/topology_devices.c src/placement/topology_devices.h
bptopo_CPPFLAGS = $(BP_CPPFLAGS) $(HWLOC_CFLAGS)
bptopo_CFLAGS = $(BP_CFLAGS)
bptopo_LDADD = libplacement.la libcommon.la $(HWLOC_LIBS)
EXTRA_DIST += src/placement/README.md
