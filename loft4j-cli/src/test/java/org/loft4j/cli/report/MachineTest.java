package org.loft4j.cli.report;

import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

class MachineTest {
    @Test
    void theCommitIsThatOfTheRepositoryOrNotKnown() {
        String commit = (String) Machine.described().get("commit");
        assertTrue(commit.matches("[0-9a-f]{12}( with changes)?|\\(not known\\)"), commit);
    }
}
