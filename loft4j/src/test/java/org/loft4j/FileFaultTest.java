package org.loft4j;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.EOFException;
import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import org.junit.jupiter.api.Test;

class FileFaultTest {
    @Test
    void isInWordsAndNamesNoClassWhereThereAreAny() {
        assertEquals("access denied", FileFault.of(new AccessDeniedException("noread.csv")));
        assertEquals("No space left", FileFault.of(new FileSystemException("a", null, "No space left")));
        assertEquals("Is a directory", FileFault.of(new IOException("Is a directory")));
        assertEquals("EOFException", FileFault.of(new EOFException()));
    }

    @Test
    void aFileThatTheSystemNamesIsNamedOnce() {
        assertEquals("noread.csv: access denied", FileFault.named(new AccessDeniedException("noread.csv")));
        assertEquals("a: No space left", FileFault.named(new FileSystemException("a", null, "No space left")));
        assertEquals("a is full", FileFault.named(new IOException("a is full")));
        assertEquals("Gone", FileFault.named(new FileSystemException(null, null, "Gone")));
    }
}
