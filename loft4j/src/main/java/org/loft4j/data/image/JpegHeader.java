package org.loft4j.data.image;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/** The segments that a JPEG has before its first scan (ITU-T T.81, annex B). */
final class JpegHeader {
    private static final int START_OF_IMAGE = 0xffd8;
    private static final int START_OF_SCAN = 0xffda;
    private static final int END_OF_IMAGE = 0xffd9;
    /** Behind it are markers; it is itself no more than a byte of a scan. */
    private static final int FIRST_MARKER = 0xff00;
    /** From it to the end of the image markers have no length behind them. */
    private static final int FIRST_ALONE = 0xffd0;

    private static final int FILL = 0xffff;
    private static final int JFIF = 0xffe0;
    private static final int PROFILE = 0xffe2;
    private static final int ADOBE = 0xffee;

    private final List<Segment> segments;
    private final long scans;

    private JpegHeader(List<Segment> segments, long scans) {
        this.segments = segments;
        this.scans = scans;
    }

    /**
     * A part of the file.
     *
     * @param marker its two bytes
     * @param body what stands behind its length; the file's own bytes
     */
    record Segment(int marker, ByteBuffer body) {
        boolean begins(String text) {
            byte[] start = text.getBytes(StandardCharsets.ISO_8859_1);
            return body.limit() >= start.length
                    && ByteBuffer.wrap(start).equals(body.duplicate().limit(start.length));
        }

        /** Start of frame; three markers among theirs are of tables and extensions. */
        boolean isFrame() {
            return marker >= 0xffc0 && marker <= 0xffcf && marker != 0xffc4 && marker != 0xffc8 && marker != 0xffcc;
        }
    }

    /** As far as it is whole; of a file of another kind nothing. */
    static JpegHeader of(byte[] file) {
        List<Segment> segments = new ArrayList<>();
        ByteBuffer bytes = ByteBuffer.wrap(file);
        if (file.length < 4 || Short.toUnsignedInt(bytes.getShort()) != START_OF_IMAGE) {
            return new JpegHeader(segments, 0);
        }
        while (bytes.remaining() >= 4) {
            int marker = Short.toUnsignedInt(bytes.getShort());
            if (marker == FILL) {
                bytes.position(bytes.position() - 1);
                continue;
            }
            int length = Short.toUnsignedInt(bytes.getShort()) - 2;
            if (marker == START_OF_SCAN || marker >>> 8 != 0xff || length < 0 || length > bytes.remaining()) {
                break;
            }
            segments.add(new Segment(marker, bytes.slice(bytes.position(), length)));
            bytes.position(bytes.position() + length);
        }
        return new JpegHeader(segments, scans(file, bytes.position() - 4));
    }

    /** So many starts of a scan there are from here to the end of the image: what scans hold has a zero behind each 0xff. */
    private static long scans(byte[] file, int from) {
        long scans = 0;
        for (int i = Math.max(0, from); i + 3 < file.length; i++) {
            int marker = (Byte.toUnsignedInt(file[i]) << 8) + Byte.toUnsignedInt(file[i + 1]);
            if (marker == END_OF_IMAGE) {
                break;
            } else if (marker > FIRST_MARKER && marker < FILL && (marker < FIRST_ALONE || marker > END_OF_IMAGE)) {
                scans += marker == START_OF_SCAN ? 1 : 0;
                i += 1 + (Byte.toUnsignedInt(file[i + 2]) << 8) + Byte.toUnsignedInt(file[i + 3]);
            }
        }
        return scans;
    }

    /** How often the pixels are gone over. */
    long scans() {
        return scans;
    }

    List<Segment> segments() {
        return segments;
    }

    /** Makes the file's colour profile unreadable, in the file's own bytes: a decoder then leaves the stored colours alone. */
    void hideProfile() {
        for (Segment segment : segments) {
            if (segment.marker() == PROFILE && segment.begins("ICC_PROFILE\0")) {
                segment.body().put(0, (byte) 0);
            }
        }
    }

    /** Whether a pixel is of four inks: cyan, magenta, yellow and black. */
    boolean isOfInks() {
        return segments.stream().anyMatch(segment -> hasComponents(segment, 4));
    }

    private static boolean hasComponents(Segment segment, int count) {
        return segment.isFrame()
                && segment.body().limit() >= 6 + 3 * count
                && segment.body().get(5) == count;
    }

    /**
     * Whether three components go by names that say nothing, in a file that says nothing else of them. libjpeg, and so the reference,
     * takes them for luma and two differences; Java's decoder does so only where these have fewer values than pixels.
     */
    boolean isOfUnnamedLuma() {
        boolean told = segments.stream()
                .anyMatch(segment -> segment.marker() == JFIF && segment.begins("JFIF\0")
                        || segment.marker() == ADOBE && segment.begins("Adobe"));
        return !told
                && segments.stream()
                        .anyMatch(segment -> hasComponents(segment, 3)
                                && !names(segment).equals("\1\2\3")
                                && !names(segment).equals("RGB"));
    }

    /** Of three components, a character each. */
    private static String names(Segment frame) {
        StringBuilder names = new StringBuilder();
        for (int component = 0; component < 3; component++) {
            names.append((char) Byte.toUnsignedInt(frame.body().get(6 + 3 * component)));
        }
        return names.toString();
    }

    /** Whether the first three of four inks are stored as luma and two differences, by Adobe's segment APP14. */
    boolean isOfLuma() {
        return segments.stream()
                .anyMatch(segment -> segment.marker() == ADOBE
                        && segment.begins("Adobe")
                        && segment.body().limit() > 11
                        && segment.body().get(11) != 0);
    }
}
