package org.loft4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

class BenchCommandTest {
    @Test
    void whatScalingChoosesItselfIsRefused() {
        Captured call = Captured.loft("bench", "--scaling", "--quick", "--rank", "8");
        assertEquals(2, call.status());
        assertTrue(call.err().contains("leave out --quick"), call.err());
        assertTrue(call.err().contains("leave out --rank"), call.err());
    }
}
