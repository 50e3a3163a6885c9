# tests of images of programs that have not run: started by test/system/imagestart.py
noinst_PROGRAMS += imagestart_driver
imagestart_driver_SOURCES = test/system/imagestart_driver.c
imagestart_driver_CPPFLAGS = $(BP_CPPFLAGS)
imagestart_driver_CFLAGS = $(BP_CFLAGS)
imagestart_driver_LDADD = libimage.la libcommon.la
EXTRA_imagestart_driver_DEPENDENCIES = bprestore

# One program as every kind of executable.
noinst_PROGRAMS += imagestart_pie imagestart_fixed imagestart_static imagestart_static_pie
imagestart_pie_SOURCES = test/system/imagestart_rank.c
imagestart_pie_CFLAGS = $(BP_BARE_CFLAGS) -fpie
imagestart_pie_LDFLAGS = -pie
imagestart_pie_LDADD = -lm
imagestart_fixed_SOURCES = test/system/imagestart_rank.c
imagestart_fixed_CFLAGS = $(BP_BARE_CFLAGS) -fno-pie
imagestart_fixed_LDFLAGS = -no-pie
imagestart_fixed_LDADD = -lm
imagestart_static_SOURCES = test/system/imagestart_rank.c
imagestart_static_CFLAGS = $(BP_BARE_CFLAGS) -fno-pie
imagestart_static_LDFLAGS = -all-static -no-pie
imagestart_static_LDADD = -lm
imagestart_static_pie_SOURCES = test/system/imagestart_rank.c
imagestart_static_pie_CFLAGS = $(BP_BARE_CFLAGS) -fPIE
imagestart_static_pie_LINK = $(CC) $(imagestart_static_pie_CFLAGS) $(CFLAGS) -static-pie -o $@
imagestart_static_pie_LDADD = -lm

# A library whose initialiser does what its environment says.
imagestart_init.so: $(top_srcdir)/test/system/imagestart_init.c
	$(AM_V_CC)$(CC) $(BP_BARE_CFLAGS) $(CFLAGS) -shared -fPIC -o $@ $<
check_DATA += imagestart_init.so
CLEANFILES += imagestart_init.so
check_PROGRAMS += test_restore_block
test_restore_block_SOURCES = test/unit/test_restore_block.c src/image/restore_block.c
test_restore_block_CPPFLAGS = $(TEST_CPPFLAGS)
test_restore_block_CFLAGS = $(BP_CFLAGS)
test_restore_block_LDADD = libtap.la
# A program that finds its library by its own place.
imagestart_beside: $(top_srcdir)/test/system/imagestart_beside.c
	$(AM_V_CC)$(MKDIR_P) imagestart_lib && \
	$(CC) $(BP_BARE_CFLAGS) $(CFLAGS) -DLIBRARY -shared -fPIC -o imagestart_lib/libbeside.so $< && \
	$(CC) $(BP_BARE_CFLAGS) $(CFLAGS) -o $@ $< -Limagestart_lib -lbeside \
		'-Wl,-rpath,$$ORIGIN/imagestart_lib'
check_DATA += imagestart_beside
CLEANFILES += imagestart_beside imagestart_lib/libbeside.so
