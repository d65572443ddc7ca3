# What every node of the fleet is, on NixOS 25.11 to 26.11. A node's own file sets `clavitor.node`, the fleet's file sets
# `clavitor.fleet`; both are derived by `noc render` and hold variables only. Nothing here is secret: the tunnel's key, the
# host key and the service's environment are born on the node or brought by HQ, and never enter the Nix store.
{ config, lib, pkgs, modulesPath, ... }:

let
  inherit (lib) mkOption types;
  cfg = config.clavitor;
  node = cfg.node;
  fleet = cfg.fleet;

  python = "${pkgs.python3}/bin/python3";
  programs = "/usr/local/lib/noc-node";
  current = "/opt/clavitor/current";
  environment = node.pushTokenFile;
  hostName = "${node.subdomain}.${fleet.domain}";
  names = [ hostName ] ++ node.aliases;

  address = types.strMatching "[0-9]{1,3}(\\.[0-9]{1,3}){3}";
  name = types.strMatching "[a-z][a-z0-9-]{0,30}[a-z0-9]";
  domain = types.strMatching "([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\\.)+[a-z]{2,63}";
  key = types.strMatching "[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=";

  # A service of the fleet sees nothing of the machine that it does not need.
  hardened = {
    CapabilityBoundingSet = "";
    LockPersonality = true;
    MemoryDenyWriteExecute = true;
    NoNewPrivileges = true;
    PrivateDevices = true;
    PrivateTmp = true;
    ProtectClock = true;
    ProtectControlGroups = true;
    ProtectHome = true;
    ProtectHostname = true;
    ProtectKernelLogs = true;
    ProtectKernelModules = true;
    ProtectKernelTunables = true;
    ProtectProc = "invisible";
    ProtectSystem = "strict";
    RestrictAddressFamilies = [ "AF_INET" "AF_INET6" "AF_UNIX" ];
    RestrictNamespaces = true;
    RestrictRealtime = true;
    RestrictSUIDSGID = true;
    SystemCallArchitectures = "native";
    SystemCallFilter = [ "@system-service" "~@privileged @resources" ];
  };

  caddyGlobals = ''
    admin unix//run/caddy/admin.sock
    ${lib.optionalString (fleet.acmeRootFile != null) "acme_ca_root ${fleet.acmeRootFile}"}
    servers {
      protocols h1 h2
      timeouts {
        read_header 10s
        read_body 30s
        idle 2m
      }
    }
  '';
  caddySite = ''
    request_body {
      max_size 2MB
    }
    header {
      Strict-Transport-Security "max-age=31536000"
      -Server
    }
    reverse_proxy 127.0.0.1:8080 {
      lb_try_duration 5s
      lb_try_interval 100ms
      transport http {
        keepalive off
        dial_timeout 2s
      }
    }
  '';
in
{
  options.clavitor.node = {
    hostName = mkOption { type = name; description = "The node's name in the fleet."; };
    subdomain = mkOption { type = name; description = "Its public name below the fleet's domain."; };
    aliases = mkOption { type = types.listOf domain; default = [ ]; description = "Other public names that it answers."; };
    region = mkOption { type = types.nullOr types.str; default = null; description = "The provider's region."; };
    tunnelAddress = mkOption { type = address; description = "Its address in the tunnel."; };
    pushTokenFile = mkOption {
      type = types.strMatching "/[a-z0-9/._-]+";
      default = "/etc/clavitor/environment";
      description = "The service's environment, with the push URL; brought by HQ, mode 0600.";
    };
    stateVersion = mkOption {
      type = types.strMatching "[0-9]{2}\\.(05|11)";
      default = "25.11";
      description = "The release of NixOS that this node was first installed with; never raised.";
    };
  };

  options.clavitor.fleet = {
    domain = mkOption { type = domain; description = "The fleet's domain."; };
    hubAddress = mkOption { type = address; description = "HQ's public address: where the tunnel leads to."; };
    hubPort = mkOption { type = types.port; default = 51820; description = "HQ's WireGuard port."; };
    hubTunnelAddress = mkOption { type = address; description = "HQ's address in the tunnel."; };
    hubKey = mkOption { type = key; description = "HQ's public WireGuard key, base64."; };
    hubSshKey = mkOption { type = types.singleLineStr; description = "HQ's public SSH key: the only one that may enter."; };
    keepalive = mkOption { type = types.ints.between 1 65535; default = 25; description = "Seconds."; };
    mtu = mkOption { type = types.ints.between 1280 9000; default = 1380; description = "Of the tunnel."; };
    acmeDirectory = mkOption { type = types.strMatching "https://[!-z]+"; description = "The certificate authority."; };
    acmeEmail = mkOption { type = types.str; default = ""; description = "Contact for the authority."; };
    acmeRootFile = mkOption {
      type = types.nullOr (types.strMatching "/[a-z0-9/._-]+");
      default = null;
      description = "Root of an authority of one's own, brought by HQ; null for a public one.";
    };
  };

  imports = [ "${modulesPath}/virtualisation/amazon-image.nix" "${modulesPath}/profiles/minimal.nix" ];

  config = {
    system.stateVersion = node.stateVersion;
    networking.hostName = node.hostName;
    time.timeZone = "UTC";

    # Amazon's image would run user data at every boot, and bring a second way in that is not ours.
    virtualisation.amazon-init.enable = false;
    services.amazon-ssm-agent.enable = lib.mkForce false;

    # The tunnel: HQ is the only peer and the only address that is routed into it.
    networking.wireguard.interfaces.wg0 = {
      ips = [ "${node.tunnelAddress}/32" ];
      privateKeyFile = "/etc/wireguard/wg0.key";
      generatePrivateKeyFile = true;
      mtu = fleet.mtu;
      peers = [
        {
          name = "hub";
          publicKey = fleet.hubKey;
          endpoint = "${fleet.hubAddress}:${toString fleet.hubPort}";
          allowedIPs = [ "${fleet.hubTunnelAddress}/32" ];
          persistentKeepalive = fleet.keepalive;
        }
      ];
    };

    # By interface, and not by an address that sshd would have to wait for: a tunnel that is late must not cost the way in.
    networking.nftables.enable = true;
    networking.firewall = {
      enable = true;
      allowPing = true;
      # The whole internet knocks; half a gigabyte of memory need not write it down.
      logRefusedConnections = false;
      allowedTCPPorts = [ 80 443 ];
      allowedUDPPorts = [ ];
      interfaces.wg0.allowedTCPPorts = [ 22 ];
      extraInputRules = "ip saddr @rescue tcp dport 22 accept";
    };
    # Filled by the watchdog alone, with entries that end by themselves.
    networking.nftables.tables.nixos-fw.content = ''
      set rescue {
        type ipv4_addr
        flags timeout
      }
    '';
    services.openssh = {
      enable = true;
      openFirewall = false;
      # Amazon's image copies the instance's key pair to root's home; HQ's key is to be the only one.
      authorizedKeysInHomedir = false;
      # Both of them while HQ makes its key anew: a part of what HQ brings to every node.
      authorizedKeysFiles = [ "/etc/noc-node/authorized_keys/%u" ];
      hostKeys = [
        {
          type = "ed25519";
          path = "/etc/ssh/ssh_host_noc_ed25519_key";
        }
      ];
      settings = {
        PasswordAuthentication = false;
        KbdInteractiveAuthentication = false;
        PermitRootLogin = lib.mkForce "prohibit-password";
      };
      # Where HQ has not signed the key yet, sshd says so and shows the key alone.
      extraConfig = "HostCertificate /etc/ssh/ssh_host_noc_ed25519_key-cert.pub";
    };
    users.mutableUsers = false;
    users.users.root.openssh.authorizedKeys.keys = [ fleet.hubSshKey ];

    # The service. Its releases lie outside the store, where they change without a switch.
    users.groups.clavitor = { };
    users.users.clavitor = {
      isSystemUser = true;
      group = "clavitor";
      home = "/var/lib/clavitor";
    };
    systemd.tmpfiles.rules = [
      "d /opt/clavitor 0755 root root -"
      "d /opt/clavitor/releases 0755 root root -"
      "d /etc/clavitor 0755 root root -"
      "d /etc/noc-node 0755 root root -"
      "d /var/lib/noc-node 0700 root root -"
      "d ${programs} 0755 root root -"
    ];
    systemd.sockets.clavitor = {
      description = "The vault's door, which stays open while the service behind it changes";
      wantedBy = [ "sockets.target" ];
      unitConfig.ConditionPathExists = current;
      socketConfig = {
        ListenStream = "127.0.0.1:8080";
        Backlog = 1024;
        TriggerLimitIntervalSec = 0;
      };
    };
    systemd.services.clavitor = {
      description = "Clavitor, the vault";
      wantedBy = [ "multi-user.target" ];
      requires = [ "clavitor.socket" ];
      after = [ "clavitor.socket" "network.target" ];
      unitConfig.ConditionPathExists = current;
      startLimitIntervalSec = 0;
      serviceConfig = hardened // {
        Type = "exec";
        User = "clavitor";
        EnvironmentFile = environment;
        ExecStart = "${python} ${current}/clavitor.pyz serve";
        ExecStopPost = "-+${pkgs.runtimeShell} -c '[ \"$$SERVICE_RESULT\" = success ] || exec ${config.systemd.package}/bin/systemctl start --no-block \"clavitor-down@$$EXIT_CODE-$$EXIT_STATUS.service\"'";
        Restart = "always";
        RestartSec = 1;
        TimeoutStopSec = 15;
        StateDirectory = "clavitor";
        StateDirectoryMode = "0700";
        UMask = "0077";
        TasksMax = 128;
        MemoryHigh = "160M";
        MemoryMax = "256M";
        OOMScoreAdjust = 300;
        # Instance metadata is for the machine, not for the service.
        IPAddressDeny = [ "169.254.169.254/32" "fd00:ec2::254/128" ];
      };
    };
    systemd.services."clavitor-down@" = {
      description = "Tell HQ that the vault ended: %i";
      startLimitIntervalSec = 0;
      serviceConfig = {
        Type = "exec";
        DynamicUser = true;
        EnvironmentFile = environment;
        ExecStart = "${python} -I -S ${programs}/down_push.py %i";
        TimeoutStartSec = 15;
        RuntimeMaxSec = 15;
        CapabilityBoundingSet = "";
        NoNewPrivileges = true;
        PrivateDevices = true;
        ProtectHome = true;
        ProtectSystem = "strict";
        RestrictAddressFamilies = [ "AF_INET" "AF_INET6" "AF_UNIX" ];
      };
    };
    systemd.services.noc-settle = {
      description = "Put release and configuration back where a change was not confirmed before the power went";
      wantedBy = [ "sockets.target" ];
      after = [ "local-fs.target" ];
      before = [ "clavitor.socket" "clavitor.service" "sockets.target" "shutdown.target" "caddy.service" "sshd.service" ];
      conflicts = [ "shutdown.target" ];
      unitConfig = {
        DefaultDependencies = false;
        RequiresMountsFor = "/var/lib/noc-node /opt/clavitor /usr/local/lib";
        ConditionPathExists = "/var/lib/noc-node/pending.json";
      };
      # Whatever the activator calls on its way back, as it finds it when HQ calls it.
      path = [ "/run/current-system/sw" ];
      serviceConfig = {
        Type = "oneshot";
        RemainAfterExit = true;
        ExecStart = "${python} ${programs}/activator.py settle";
      };
    };
    # Root, since the tunnel and the firewall are root's; of what root may do it keeps these two.
    systemd.services.noc-watchdog = {
      description = "Looks for HQ where the tunnel is silent, and lets it in after long";
      wantedBy = [ "multi-user.target" ];
      after = [ "network.target" "nftables.service" ];
      startLimitIntervalSec = 0;
      unitConfig.ConditionPathExists = "/etc/noc-node/watchdog.json";
      path = [ pkgs.wireguard-tools pkgs.nftables ];
      serviceConfig = hardened // {
        Type = "exec";
        ExecStart = "${python} -I -S ${programs}/watchdog.py nixos-fw";
        Restart = "always";
        RestartSec = 5;
        RuntimeDirectory = "noc-watchdog";
        RuntimeDirectoryPreserve = true;
        RuntimeDirectoryMode = "0700";
        UMask = "0077";
        OOMScoreAdjust = -900;
        TasksMax = 16;
        CapabilityBoundingSet = "CAP_NET_ADMIN";
        ProtectProc = "default";
        RestrictAddressFamilies = [ "AF_INET" "AF_INET6" "AF_UNIX" "AF_NETLINK" ];
        SystemCallFilter = "@system-service";
      };
    };

    services.caddy = {
      enable = true;
      acmeCA = fleet.acmeDirectory;
      email = lib.mkIf (fleet.acmeEmail != "") fleet.acmeEmail;
      globalConfig = caddyGlobals;
      virtualHosts.${hostName} = {
        serverAliases = node.aliases;
        # The module's own would grow to a gigabyte, and remember who came.
        logFormat = "output discard";
        extraConfig = caddySite;
      };
    };
    systemd.services.caddy = {
      startLimitIntervalSec = lib.mkForce 0;
      serviceConfig = {
        RuntimeDirectory = "caddy";
        RuntimeDirectoryMode = "0700";
        Restart = lib.mkForce "always";
        # The module gives up on a proxy that ends with 1, which is what a name server that is away looks like.
        RestartPreventExitStatus = lib.mkForce "";
        RestartSec = lib.mkForce 1;
        MemoryHigh = "96M";
        OOMScoreAdjust = 200;
      };
    };

    # Two generations for real: the boot menu and the profile are counted apart, and `nix.gc.options` can say neither.
    boot.loader.grub.configurationLimit = 2;
    nix = {
      channel.enable = false;
      settings = {
        min-free = 512 * 1024 * 1024;
        max-free = 1024 * 1024 * 1024;
        trusted-users = [ "root" ];
        # A system comes whole from HQ: this node neither builds nor asks a cache.
        max-jobs = 0;
        substituters = lib.mkForce [ ];
      };
      gc = {
        automatic = true;
        dates = "weekly";
        randomizedDelaySec = "6h";
        persistent = true;
      };
    };
    systemd.services.nix-gc.preStart =
      "${config.nix.package}/bin/nix-env --profile /nix/var/nix/profiles/system --delete-generations +2";

    # Half a gigabyte: compressed memory first, a file on the disk behind it, and little that runs besides.
    zramSwap = {
      enable = true;
      memoryPercent = 100;
      algorithm = "zstd";
    };
    swapDevices = [
      {
        device = "/var/swapfile";
        size = 1024;
      }
    ];
    boot.kernel.sysctl = {
      "vm.swappiness" = 100;
      "net.ipv4.ip_forward" = 0;
    };
    services.journald.extraConfig = ''
      SystemMaxUse=100M
      RuntimeMaxUse=16M
      MaxRetentionSec=14day
    '';
    # The way in comes back however often it ends, and outlives whatever eats the memory.
    systemd.services.sshd = {
      startLimitIntervalSec = 0;
      serviceConfig = {
        OOMScoreAdjust = -900;
        RestartSec = 1;
      };
    };
    systemd.oomd.enable = false;
    documentation.enable = false;
    environment.defaultPackages = [ ];
    environment.systemPackages = [ pkgs.python3 pkgs.wireguard-tools ];
    programs.command-not-found.enable = false;
    services.udisks2.enable = false;
    system.disableInstallerTools = true;

    assertions = [
      {
        assertion = config.services.openssh.listenAddresses == [ ];
        message = "services.openssh.listenAddresses would cost the way in whenever the tunnel is late";
      }
      {
        assertion = fleet.hubTunnelAddress != node.tunnelAddress;
        message = "clavitor.node.tunnelAddress is the hub's own address";
      }
      {
        assertion = names == lib.unique names;
        message = "clavitor.node.aliases repeats a name";
      }
    ];
  };
}
