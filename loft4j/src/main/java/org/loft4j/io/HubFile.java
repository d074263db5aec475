package org.loft4j.io;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.regex.Pattern;

/**
 * A file of a repository as the hub describes it.
 *
 * @param path in the repository
 * @param etag the name of its content: SHA-256 in 64 hexadecimal digits of a large file, else git's SHA-1 of the blob in 40
 * @param size in bytes; -1 if the hub does not say
 */
record HubFile(HubName name, String commit, String path, String etag, long size) {
    private static final Pattern CHECKSUM = Pattern.compile("[0-9a-fA-F]{40}|[0-9a-fA-F]{64}");
    private static final int SHA256_DIGITS = 64;
    private static final int BUFFER = 1 << 20;

    /** Whether the content can be checked against its name. */
    boolean hasChecksum() {
        return CHECKSUM.matcher(etag).matches();
    }

    /** Whether a file on the disk is there and as long as the hub says. */
    boolean isSizeOf(Path content) throws IOException {
        return Files.exists(content) && (size < 0 || Files.size(content) == size);
    }

    /** Whether the content of a file on the disk has the checksum; true where there is none to compare with. */
    boolean matches(Path content) throws IOException {
        return !hasChecksum() || checksum(content).equalsIgnoreCase(etag);
    }

    private String checksum(Path content) throws IOException {
        try (FileChannel channel = FileChannel.open(content, StandardOpenOption.READ)) {
            MessageDigest digest;
            if (etag.length() == SHA256_DIGITS) {
                digest = MessageDigest.getInstance("SHA-256");
            } else {
                digest = MessageDigest.getInstance("SHA-1");
                digest.update(("blob " + channel.size() + "\0").getBytes(StandardCharsets.US_ASCII));
            }
            ByteBuffer buffer = ByteBuffer.allocate(BUFFER);
            while (channel.read(buffer) >= 0) {
                digest.update(buffer.flip());
                buffer.clear();
            }
            return HexFormat.of().formatHex(digest.digest());
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java platform has SHA-1 and SHA-256", e);
        }
    }
}
