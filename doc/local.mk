# man pages: doc/NAME.SECTION.rst; and the documents of developers
MANUALS = doc/bpcluster.8 doc/bpcp.1 doc/bpctl.8 doc/bpkill.1 doc/bplib.8 doc/bpmap.1 doc/bpmaster.8 \
	doc/bpmix.conf.5 doc/bpmpirun.1 doc/bpnode.8 doc/bprun.1 doc/bpsh.1 doc/bpstat.1 $(CALLS)
# of libbproc; each call named in bold in a synopsis gets a link to its page
CALLS = doc/bproc.3 doc/bproc_access.3 doc/bproc_admin.3 doc/bproc_libadd.3 doc/bproc_node.3 \
	doc/bproc_nodeset.3 doc/bproc_proclist.3 doc/bproc_warm.3 doc/bproc_dump.3 doc/bproc_execmove.3 \
	doc/bproc_move.3 doc/bproc_rfork.3
BP_CALL_LINKS = for page in $(CALLS); do \
	$(SED) -n '/^SYNOPSIS/,/^DESCRIPTION/s/^| .*\*\*\(_*bproc_[a-z_]*\)\*\*.*/\1.3/p' \
		$(top_srcdir)/$$page.rst | while read -r link; do \
		test "doc/$$link" = $$page || echo "$$(basename $$page) $$link"; done; done
install-data-hook:
	$(BP_CALL_LINKS) | while read -r page link; do \
		$(LN_S) -f $$page "$(DESTDIR)$(man3dir)/$$link"; done
uninstall-hook:
	$(BP_CALL_LINKS) | while read -r page link; do rm -f "$(DESTDIR)$(man3dir)/$$link"; done
man_MANS = $(MANUALS)
EXTRA_DIST += doc/pictures/draw doc/pictures/gpus.svg doc/pictures/nodes.svg doc/pictures/packages.svg
EXTRA_DIST += $(MANUALS:=.rst) doc/HACKING.md doc/PROTOCOL.md doc/PERFORMANCE.md
CLEANFILES += $(MANUALS)
$(MANUALS): %: $(top_srcdir)/%.rst
	$(AM_V_GEN)$(MKDIR_P) doc && $(RST2MAN) --halt=2 $< $@
