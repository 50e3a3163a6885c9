# man pages: doc/NAME.SECTION.rst; and the documents of developers
MANUALS = doc/bpcluster.8 doc/bpcp.1 doc/bpmaster.8 doc/bpmix.conf.5 doc/bpnode.8 doc/bprun.1 doc/bpsh.1 \
	doc/bpstat.1
man_MANS = $(MANUALS)
EXTRA_DIST += $(MANUALS:=.rst) doc/HACKING.md doc/PROTOCOL.md doc/PERFORMANCE.md
CLEANFILES += $(MANUALS)
$(MANUALS): %: $(top_srcdir)/%.rst
	$(AM_V_GEN)$(MKDIR_P) doc && $(RST2MAN) --halt=2 $< $@
