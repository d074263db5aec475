package org.loft4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.PrintWriter;
import java.io.StringWriter;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class RowLengthTest {
    @ParameterizedTest
    @CsvSource({
        ", 2048, 512, ''",
        ", 66, 66, ''",
        "1024, 2048, 1024, ''",
        "512, 512, 512, ''",
        "1024, 512, 512, 'loft: --max-length 1024 is lowered to 512, the longest that the model was made for'"
    })
    void whatIsAskedForIsLoweredAloudAndTheUsualLengthInSilence(
            @Nullable Integer asked, long most, int length, String told) {
        StringWriter err = new StringWriter();
        assertEquals(length, RowLength.of(asked, RowLength.USUAL, most, new PrintWriter(err)));
        assertEquals(told, err.toString().strip());
    }
}
