# Derived from fleet.toml and inventory.toml by `noc render`; edited by hand, it drifts.
{
  clavitor.node = {
    aliases = [ ];
    hostName = "hongkong";
    pushTokenFile = "/etc/clavitor/environment";
    region = "ap-east-1";
    subdomain = "hongkong";
    tunnelAddress = "10.84.0.30";
  };
}
