package org.loft4j;

import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;

/** What the system says of a file that it cannot give, in words; a message names the file beside it. */
public final class FileFault {
    private FileFault() {}

    /** What is wrong, without the name of the file. */
    public static String of(IOException failure) {
        if (failure instanceof NoSuchFileException) {
            return "there is no such file";
        }
        if (failure instanceof AccessDeniedException) {
            return "access denied";
        }
        if (failure instanceof FileAlreadyExistsException) {
            return "exists already";
        }
        if (failure instanceof NotDirectoryException) {
            return "is not a directory";
        }
        String reason = failure instanceof FileSystemException e ? e.getReason() : failure.getMessage();
        return reason == null ? failure.getClass().getSimpleName() : reason;
    }

    /** The file, where the system names one, and what is wrong with it: its own message may be the name alone. */
    public static String named(IOException failure) {
        return failure instanceof FileSystemException e && e.getFile() != null
                ? e.getFile() + ": " + of(failure)
                : of(failure);
    }
}
