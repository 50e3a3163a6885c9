# tests of src/placement
check_PROGRAMS += test_golden test_hardware test_map_words test_machine test_place test_place_many test_topology
test_place_SOURCES = test/unit/test_place.c test/unit/place_build.h
test_place_CPPFLAGS = $(TEST_CPPFLAGS)
test_place_CFLAGS = $(BP_CFLAGS)
test_place_LDADD = libtap.la libplacement.la libcommon.la
test_place_many_SOURCES = test/unit/test_place_many.c test/unit/place_build.h
test_place_many_CPPFLAGS = $(TEST_CPPFLAGS)
test_place_many_CFLAGS = $(BP_CFLAGS)
test_place_many_LDADD = libtap.la libplacement.la libcommon.la
test_hardware_SOURCES = test/unit/test_hardware.c
test_hardware_CPPFLAGS = $(TEST_CPPFLAGS) $(PROTOBUF_C_CFLAGS)
test_hardware_CFLAGS = $(BP_CFLAGS)
test_hardware_LDADD = libtap.la libplacement.la $(BP_PROTO_LIBS)
test_golden_SOURCES = test/unit/test_golden.c \
	test/unit/place_golden.c test/unit/place_golden.h \
	src/placement/topology.c src/placement/topology.h \
	src/placement/topology_devices.c src/placement/topology_devices.h
test_golden_CPPFLAGS = $(TEST_CPPFLAGS) $(HWLOC_CFLAGS) $(PROTOBUF_C_CFLAGS)
test_golden_CFLAGS = $(BP_CFLAGS)
test_golden_LDADD = libtap.la libplacement.la $(BP_PROTO_LIBS) $(HWLOC_LIBS)
EXTRA_DIST += test/unit/golden/made-up.txt test/unit/golden/real.txt
test_topology_SOURCES = test/unit/test_topology.c \
	test/unit/place_golden.c test/unit/place_golden.h \
	src/placement/topology.c src/placement/topology.h \
	src/placement/topology_devices.c src/placement/topology_devices.h
test_topology_CPPFLAGS = $(TEST_CPPFLAGS) $(HWLOC_CFLAGS) $(PROTOBUF_C_CFLAGS)
test_topology_CFLAGS = $(BP_CFLAGS)
test_topology_LDADD = libtap.la libplacement.la $(BP_PROTO_LIBS) $(HWLOC_LIBS)
test_machine_SOURCES = test/unit/test_machine.c \
	src/placement/topology.c src/placement/topology.h \
	src/placement/topology_devices.c src/placement/topology_devices.h
test_machine_CPPFLAGS = $(TEST_CPPFLAGS) $(HWLOC_CFLAGS)
test_machine_CFLAGS = $(BP_CFLAGS)
test_machine_LDADD = libtap.la libplacement.la libcommon.la $(HWLOC_LIBS)
check_PROGRAMS += test_picture
test_picture_SOURCES = test/unit/test_picture.c
test_picture_CPPFLAGS = $(TEST_CPPFLAGS)
test_picture_CFLAGS = $(BP_CFLAGS)
test_picture_LDADD = libtap.la libplacement.la libcommon.la
EXTRA_DIST += test/unit/picture_small.svg
check_PROGRAMS += test_map_bytes
test_map_bytes_SOURCES = test/unit/test_map_bytes.c
test_map_bytes_CPPFLAGS = $(TEST_CPPFLAGS)
test_map_bytes_CFLAGS = $(BP_CFLAGS)
test_map_bytes_LDADD = libtap.la libplacement.la libcommon.la
EXTRA_DIST += test/fuzz/fuzz_map_job.c test/fuzz/fuzz_picture.c test/fuzz/fuzz_place.c test/fuzz/fuzz_hardware.c
test_map_words_SOURCES = test/unit/test_map_words.c
test_map_words_CPPFLAGS = $(TEST_CPPFLAGS)
test_map_words_CFLAGS = $(BP_CFLAGS)
test_map_words_LDADD = libtap.la libplacement.la libcommon.la
EXTRA_DIST += test/fuzz/fuzz_map_words.c
