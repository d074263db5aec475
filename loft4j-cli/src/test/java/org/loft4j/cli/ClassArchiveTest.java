package org.loft4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.PrintWriter;
import java.io.StringWriter;
import org.junit.jupiter.api.Test;

class ClassArchiveTest {
    @Test
    void trainsAStep() throws Exception {
        StringWriter out = new StringWriter();
        StringWriter err = new StringWriter();
        int status = ClassArchive.run(new PrintWriter(out, true), new PrintWriter(err, true));
        assertEquals(0, status, err::toString);
        assertTrue((out + "" + err).contains("finished after 1 step;"), out + "" + err);
    }
}
