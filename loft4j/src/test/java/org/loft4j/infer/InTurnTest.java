package org.loft4j.infer;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class InTurnTest {
    @Test
    void whoIsAtWorkCannotCloseWhatItWorksWith() {
        InTurn inTurn = new InTurn("generator");
        List<String> done = new ArrayList<>();
        String answer = inTurn.use(() -> {
            IllegalStateException refused =
                    assertThrows(IllegalStateException.class, () -> inTurn.close(() -> done.add("closed")));
            assertTrue(String.valueOf(refused.getMessage()).contains("generator"), refused.getMessage());
            return "answer";
        });
        assertEquals("answer", answer);
        assertEquals(List.of(), done);
        inTurn.close(() -> done.add("closed"));
        inTurn.close(() -> done.add("closed again"));
        assertEquals(List.of("closed"), done);
        assertThrows(IllegalStateException.class, () -> inTurn.use(() -> "late"));
    }
}
