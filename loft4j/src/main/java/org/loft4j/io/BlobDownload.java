package org.loft4j.io;

import java.io.IOException;
import java.net.http.HttpResponse;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.Objects;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.loft4j.CheckpointException;

/**
 * Downloads one blob. Its bytes are gathered in {@code ETAG.loft.incomplete}, where a later attempt, or a later process, goes
 * on; the file gets its name only when size and checksum are right. The Python library gathers them in {@code
 * ETAG.incomplete}, which is left to it: its locks are flock's and Java's are fcntl's, and on Linux neither sees the other.
 */
final class BlobDownload {
    /** Progress that starts the count of attempts anew. */
    private static final long PROGRESS = 1 << 20;

    private static final int BUFFER = 1 << 16;
    /** Of a file beside the weights of which no length is told: more than any reader takes. */
    private static final long LARGEST_UNTOLD = 256L << 20;

    private static final Pattern CONTENT_RANGE = Pattern.compile("bytes (\\d{1,18})-(\\d{1,18})/(\\d{1,18}|\\*)");

    private final HubClient client;
    private final HubRetries retries;
    private final HubListener listener;
    private final HubFile file;
    private final Path blob;
    private final Path incomplete;

    BlobDownload(HubClient client, HubRetries retries, HubListener listener, HubFile file, Path blob) {
        this.client = client;
        this.retries = retries;
        this.listener = listener;
        this.file = file;
        this.blob = blob;
        this.incomplete = incomplete(blob);
    }

    /** Where the bytes of a blob are gathered. */
    static Path incomplete(Path blob) {
        return blob.resolveSibling(blob.getFileName() + ".loft.incomplete");
    }

    /** Returns the blob when it is there. */
    Path run(Path lock) throws IOException {
        Files.createDirectories(Objects.requireNonNull(blob.toAbsolutePath().getParent()));
        try (HubLock held = HubLock.acquire(lock, () -> listener.onWait(file.path()))) {
            // a blob of another length was left by a program that does not write as carefully
            if (!file.isSizeOf(blob)) {
                gather();
                Files.move(incomplete, blob, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
            }
        }
        listener.onFile(file.path(), Files.size(blob));
        return blob;
    }

    private void gather() throws IOException {
        boolean pieced = have() > 0;
        boolean again = false;
        long most = have();
        int failures = 0;
        while (true) {
            try {
                receive();
                if (file.matches(incomplete)) {
                    return;
                }
                Files.delete(incomplete);
                if (!pieced || again) {
                    throw new HubException(
                            file.name(),
                            file.path() + " arrived with another checksum than the hub says (" + file.etag()
                                    + "): it was thrown away; the server, or something on the way, changes the file");
                }
                // its pieces may come from different answers: once more, from the first byte on
                again = true;
            } catch (HubException | CheckpointException e) {
                throw e;
            } catch (IOException e) {
                failures = have() >= most + PROGRESS ? 1 : failures + 1;
                most = Math.max(most, have());
                if (failures >= retries.attempts() || Thread.currentThread().isInterrupted()) {
                    throw new HubException(
                            file.name(),
                            "cannot get " + file.path() + ": " + HubClient.reason(e) + "; the next call goes on after "
                                    + have() + " bytes",
                            e);
                }
                pieced = have() > 0;
                client.pause(file.path(), failures, e);
            }
        }
    }

    private long have() throws IOException {
        return Files.exists(incomplete) ? Files.size(incomplete) : 0;
    }

    /** Receives what is missing. Returns if the file has the size that the hub says. */
    private void receive() throws IOException {
        long offset = have();
        if (file.size() >= 0 && offset == file.size() && offset > 0) {
            return;
        }
        if (file.size() >= 0 && offset > file.size()) {
            Files.delete(incomplete);
            offset = 0;
        }
        HttpResponse<WatchedBody> response = client.open(file, offset);
        try (WatchedBody body = response.body()) {
            if (response.statusCode() == 200) {
                offset = 0; // the server does not know ranges: all of it comes once more
            } else if (!continues(response, offset)) {
                Files.deleteIfExists(incomplete);
                throw new IOException("the server gave another part of the file than was asked for");
            }
            write(body, offset);
        }
        long size = have();
        if (file.size() >= 0 && size < file.size()) {
            throw new IOException("the connection ended after " + size + " of " + file.size() + " bytes");
        }
    }

    /** Whether an answer is the part of the file that begins where ours ends. */
    private boolean continues(HttpResponse<WatchedBody> response, long offset) {
        String range = response.headers().firstValue("Content-Range").orElse("");
        Matcher found = CONTENT_RANGE.matcher(range);
        return response.statusCode() == 206
                && offset > 0
                && found.matches()
                && Long.parseLong(found.group(1)) == offset
                && (file.size() < 0 || found.group(3).equals("*") || Long.parseLong(found.group(3)) == file.size());
    }

    private void write(WatchedBody body, long offset) throws IOException {
        try (FileChannel channel = open(offset)) {
            byte[] buffer = new byte[BUFFER];
            long have = offset;
            listener.onBytes(file.path(), have, file.size());
            for (int count = body.read(buffer); count >= 0; count = body.read(buffer)) {
                if (file.size() < 0
                        && have + count > LARGEST_UNTOLD
                        && !file.path().endsWith(".safetensors")) {
                    channel.truncate(0);
                    throw new HubException(
                            file.name(),
                            file.path() + " has more than " + LARGEST_UNTOLD
                                    + " bytes, and the hub says no length: it was thrown away");
                }
                if (file.size() >= 0 && have + count > file.size()) {
                    channel.truncate(0);
                    throw new HubException(
                            file.name(),
                            file.path() + " is longer than the hub says (" + file.size()
                                    + " bytes): it was thrown away; the server, or something on the way, changes the file");
                }
                append(channel, ByteBuffer.wrap(buffer, 0, count));
                have += count;
                listener.onBytes(file.path(), have, file.size());
            }
            channel.force(true);
        }
    }

    private FileChannel open(long offset) throws CheckpointException {
        try {
            FileChannel channel = FileChannel.open(incomplete, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
            channel.truncate(offset);
            channel.position(offset);
            return channel;
        } catch (IOException e) {
            throw notWritten(e);
        }
    }

    /** A disk that is full is no failure of the connection. */
    private void append(FileChannel channel, ByteBuffer bytes) throws CheckpointException {
        try {
            AtomicFiles.writeFully(channel, bytes);
        } catch (IOException e) {
            throw notWritten(e);
        }
    }

    private CheckpointException notWritten(IOException e) {
        return new CheckpointException(incomplete, "cannot be written, for " + file.path() + ": " + e.getMessage(), e);
    }
}
