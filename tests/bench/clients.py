# SPDX-License-Identifier: MIT
"""The ACME clients that are compared, each with as many certificates as one likes, called as its users would: all in
one call where it can, or else in a loop.

They have their account already, and a certificate under every name (a self-signed pair in the place where each keeps
its own), so that every run is a renewal. All trust the CA by the system's store, and make or keep P-256 keys. The
others' challenges are files that an nginx shows on port 80, which is open to everyone as long as they are at work."""
import datetime
import os
import shutil
import subprocess

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

HOME = '/run/lab/bench'
WWW = '/run/lab/www'
CHALLENGES = WWW + '/.well-known/acme-challenge'
MAIL = 'admin@example.test'


def names_of(count):
    return [f'site{i}.test' for i in range(count)]


def write(path, *lines, mode=0o644):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'w') as file:
        file.write('\n'.join(lines) + '\n')
    os.chmod(path, mode)


def run(*command):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        raise SystemExit(f'{" ".join(command)}: exit status {done.returncode}\n{done.stdout[-2000:]}')


class Pair:
    """A certificate for 90 days, and its key, in PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    key_text = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                 serialization.NoEncryption()).decode().rstrip()

    def __init__(self, name):
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        now = datetime.datetime.utcnow()
        certificate = (x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(Pair.key.public_key())
                       .serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(1))
                       .not_valid_after(now + datetime.timedelta(89))
                       .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), False)
                       .add_extension(x509.BasicConstraints(False, None), True).sign(Pair.key, hashes.SHA256()))
        self.text = certificate.public_bytes(serialization.Encoding.PEM).decode().rstrip()


class Client:
    """`prepare` makes the client's directory with its account and certificates; `renew` and `idle` are commands, with
    everything due or nothing."""
    needs_port = True
    fine = (0,)  # exit statuses

    def __init__(self, count, ca):
        self.count, self.ca, self.names = count, ca, names_of(count)
        self.home = f'{HOME}/{type(self).__name__.lower()}-{count}'

    def prepare(self):
        shutil.rmtree(self.home, ignore_errors=True)
        os.makedirs(self.home)
        for name in self.names:
            self.place(name, Pair(name))
        self.register()

    def loop(self, command):
        """As often as there are names, $name in the command."""
        if self.count == 1:
            return command.replace('$name', self.names[0]).split()
        script = f'{self.home}/loop'
        write(script, '#!/bin/sh', f'for name in {" ".join(self.names)}; do',
              f'  {command} || [ $? -le {max(self.fine)} ] || exit 2', 'done', mode=0o755)
        return [script]


class Certbot(Client):
    how = 'one call of `certbot renew`'

    def place(self, name, pair):
        archive, live = f'{self.home}/archive/{name}', f'{self.home}/live/{name}'
        write(f'{archive}/privkey1.pem', Pair.key_text)
        os.makedirs(live)
        for file in 'cert', 'chain', 'fullchain', 'privkey':
            if file != 'privkey':
                write(f'{archive}/{file}1.pem', pair.text)
            os.symlink(f'../../archive/{name}/{file}1.pem', f'{live}/{file}.pem')

    def register(self):
        run('certbot', 'register', '-n', '--agree-tos', '-m', MAIL, '--server', self.ca, *self.directories())
        host = self.ca.split('/')[2]
        account = os.listdir(f'{self.home}/accounts/{host}/dir')[0]
        for name in self.names:
            write(f'{self.home}/renewal/{name}.conf', 'version = 2.1.0', f'archive_dir = {self.home}/archive/{name}',
                  *(f'{file} = {self.home}/live/{name}/{file}.pem' for file in ('cert', 'privkey', 'chain', 'fullchain')),
                  '[renewalparams]', f'account = {account}', f'server = {self.ca}', 'authenticator = webroot',
                  'key_type = ecdsa', 'elliptic_curve = secp256r1', f'webroot_path = {WWW},', '[[webroot_map]]',
                  f'{name} = {WWW}')

    def directories(self):
        return [word for kind in ('config', 'work', 'logs') for word in (f'--{kind}-dir', self.home)]

    def idle(self):
        return ['certbot', 'renew', '-n', '-q', '--no-random-sleep-on-renew', *self.directories()]

    def renew(self):
        return [*self.idle(), '--force-renewal']


class Lego(Client):
    how = 'a loop of `lego renew`'

    def place(self, name, pair):
        kept = f'{self.home}/certificates/{name}'
        write(kept + '.crt', pair.text)
        write(kept + '.key', Pair.key_text)
        write(kept + '.json', '{"domain": "%s", "certUrl": "%s", "certStableUrl": "%s"}' % (name, self.ca, self.ca))

    def register(self):
        # Its account comes with a first certificate only.
        run(*self.call('account.site.test').split(), 'run')

    def call(self, name):
        return (f'lego --server {self.ca} --accept-tos --email {MAIL} --key-type ec256 --path {self.home} --http '
                f'--http.webroot {WWW} --domains {name}')

    def idle(self):
        return self.loop(self.call('$name') + ' renew --no-random-sleep')

    def renew(self):
        return self.loop(self.call('$name') + ' renew --no-random-sleep --days 999')


class Uacme(Client):
    how = 'a loop of `uacme issue`'
    fine = (0, 1)  # 1: it was not due

    def place(self, name, pair):
        write(f'{self.home}/{name}/cert.pem', pair.text)
        write(f'{self.home}/private/{name}/key.pem', Pair.key_text)

    def register(self):
        hook = '#!/bin/sh', 'case $1-$2 in', f'begin-http-01) printf %s "$5" > {CHALLENGES}/$4 ;;', 'begin-*) exit 1 ;;', \
            f'*) rm -f {CHALLENGES}/$4 ;;', 'esac'
        write(self.home + '/hook', *hook, mode=0o755)
        run('uacme', '-a', self.ca, '-c', self.home, '-t', 'EC', '-y', 'new', MAIL)

    def call(self):
        return f'uacme -a {self.ca} -c {self.home} -h {self.home}/hook -t EC'

    def idle(self):
        return self.loop(self.call() + ' issue $name')

    def renew(self):
        return self.loop(self.call() + ' -f issue $name')


class Dehydrated(Client):
    how = 'one call of `dehydrated --cron`'

    def place(self, name, pair):
        write(f'{self.home}/certs/{name}/privkey.pem', Pair.key_text)
        for file in 'cert', 'chain', 'fullchain':
            write(f'{self.home}/certs/{name}/{file}.pem', pair.text)

    def register(self):
        write(self.home + '/config', f'CA={self.ca}', f'BASEDIR={self.home}', f'WELLKNOWN={CHALLENGES}', 'KEY_ALGO=prime256v1')
        write(self.home + '/domains.txt', *self.names)
        run(*self.call(), '--register', '--accept-terms')

    def call(self):
        return ['dehydrated', '--config', self.home + '/config']

    def idle(self):
        return [*self.call(), '--cron']

    def renew(self):
        return [*self.call(), '--cron', '--force']


OTHERS = {cls.__name__.lower(): cls for cls in (Certbot, Lego, Uacme, Dehydrated)}


def is_installed(name):
    return shutil.which(name) is not None
