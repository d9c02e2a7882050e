// Configurations of pools for tests.

/** As an existing announcement handler has it: every key that it knows. */
export const EXISTING_POOL_TOML = `# The pool's configuration
paymaker_http_password = "correct horse"
master_url = "http://pool.example/master"
root_workdir = "/var/lib/pool"

[ann_handler.ah0]
# 0..1
skip_check_chance = 0.5
num_workers = 5
input_queue_len = 256
public_url = "http://ah0.pool.example/submit"
bind_pub = "0.0.0.0:8081"
bind_pvt = "10.0.0.5:6666"
spray_workers = 4
subscribe_to = []
files_to_keep = 512
block_miner_passwd = "battery staple"
mss = 1472
spray_at = ["10.0.0.6:6667"]

[ann_handler.ah1]
skip_check_chance = 0
num_workers = 1
input_queue_len = 16
public_url = "http://ah1.pool.example/submit"
bind_pub = "[::1]:8082"
bind_pvt = "10.0.0.5:6668"
spray_workers = 1
subscribe_to = []
files_to_keep = 512
block_miner_passwd = "battery staple"
`;

/** A whole pool in our words. */
export const OWN_POOL_TOML = `network = "pktreg"
root_workdir = "/var/lib/pool"
master_url = "http://127.0.0.1:8080/master"
paymaker_url = "http://127.0.0.1:8083"
paymaker_http_password = "secret"

[[nodes]]
url = "http://127.0.0.1:64765"
user = "x"
password = "x"

[master]
listen = "127.0.0.1:8080"
ann_work = 128

[ann_handler.a]
listen = "127.0.0.1:8081"
public_url = "http://127.0.0.1:8081/submit"

[blk_handler.b]
listen = "127.0.0.1:8082"
public_url = "http://127.0.0.1:8082/submit"

[paymaker]
listen = "127.0.0.1:8083"
`;
