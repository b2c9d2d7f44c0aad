# A service manager in small: holds a listening socket and starts a program with it as descriptor 3, as often as it is
# told to (a line on stdin). Nobody accepts in between; connections wait in the kernel's queue.
use strict;
use warnings;
use IO::Socket::INET;
use POSIX ();

my ($port, @command) = @ARGV;
# Whatever the first free descriptor is, the program must find it as 3.
my $socket = IO::Socket::INET->new(
    LocalAddr => '127.0.0.1', LocalPort => $port, Listen => 4096, ReuseAddr => 1, Proto => 'tcp',
) or die "can't listen: $!";
$SIG{CHLD} = 'IGNORE';
$| = 1;
print $socket->sockport, "\n";
while (<STDIN>) {
    my $pid = fork();
    die "can't fork: $!" unless defined $pid;
    next if $pid;
    POSIX::dup2(fileno($socket), 3) or die "dup2: $!";
    $^F = 3;
    # dup2 onto itself leaves the flag as it was.
    if (fileno($socket) == 3) { require Fcntl; fcntl($socket, Fcntl::F_SETFD(), 0); }
    $ENV{LISTEN_FDS} = 1;
    $ENV{LISTEN_PID} = $$;
    exec @command or die "can't start $command[0]: $!";
}
