package org.loft4j.cli;

import java.io.PrintWriter;
import java.io.StringWriter;

/** What one call printed, and its exit status. */
record Captured(int status, String out, String err) {
    static Captured loft(String... args) {
        StringWriter out = new StringWriter();
        StringWriter err = new StringWriter();
        int status = Loft.run(new PrintWriter(out), new PrintWriter(err), args);
        return new Captured(status, out.toString(), err.toString());
    }
}
