# tests of src/ghost
noinst_PROGRAMS += ghost_driver
ghost_driver_SOURCES = test/system/ghost_driver.c test/system/ghost_herd.c test/system/ghost_herd.h
ghost_driver_CPPFLAGS = $(BP_CPPFLAGS) -DBPGHOST='"$(abs_top_builddir)/bpghost"'
ghost_driver_CFLAGS = $(BP_CFLAGS)
EXTRA_ghost_driver_DEPENDENCIES = bpghost
