package org.loft4j.cli;

import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import org.jspecify.annotations.Nullable;

/** Standard output that remembers why it could not be written, which the writers above it do not tell. */
final class StandardOutput extends OutputStream {
    private final FileOutputStream out = new FileOutputStream(FileDescriptor.out);
    private @Nullable IOException fault;

    @Override
    public void write(int value) throws IOException {
        write(new byte[] {(byte) value}, 0, 1);
    }

    @Override
    public void write(byte[] bytes, int offset, int length) throws IOException {
        try {
            out.write(bytes, offset, length);
        } catch (IOException e) {
            fault = e;
            throw e;
        }
    }

    /** Whether not all was written. */
    boolean isIncomplete() {
        return fault != null;
    }

    /** What a user is to be told of that: nothing where the reader of a pipe has left, as {@code head} does once it has enough. */
    @Nullable
    String complaint() {
        String why = fault == null ? null : String.valueOf(fault.getMessage());
        return why == null || isPipe() ? null : "standard output could not be written: " + why;
    }

    /** The system says in the user's language what ails a pipe; it alone has no position. */
    private boolean isPipe() {
        try {
            out.getChannel().position();
            return false;
        } catch (IOException e) {
            return true;
        }
    }
}
